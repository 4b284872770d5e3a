import { Hono } from 'hono';
import type { Context, MiddlewareHandler } from 'hono';
import { matchedRoutes } from 'hono/route';
import type { Audit } from '../chats/audit-log.ts';
import type { Chats, Subject } from '../chats/chats.ts';
import type { SecretsApi } from '../chats/secrets/secrets.ts';
import type { Sharing } from '../chats/sharing.ts';
import { systemClock, type Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import type { AgentSignIn } from '../protocol/agent-sign-in.ts';
import { BooError, toBooError } from '../protocol/error.ts';
import type { Forwarded } from '../peers/peers.ts';
import { forwardedHeader, hostHeader } from '../peers/signature.ts';
import { type Grant, owner } from '../people/grant.ts';
import type { PasskeysApi } from '../people/passkeys.ts';
import type { PeopleApi } from '../people/people.ts';
import type { SignInCodes } from '../people/sign-ins.ts';
import type { OpenLink, ShareLinksApi } from '../people/share-links.ts';
import type { SingleSignOnApi } from '../people/single-sign-on.ts';
import { hasRole, type Principal, type Role } from '../protocol/principal.ts';
import { createAccess, type AccessOptions } from './access.ts';
import { agentSignInRoutes } from './agent-sign-in-routes.ts';
import { changeRoutes } from './change-routes.ts';
import { asideRoutes } from './aside-routes.ts';
import { AuditPacer } from './audit-pacer.ts';
import { auditRoutes } from './audit-routes.ts';
import { budgetRoutes } from './budget-routes.ts';
import { guardedBy } from './chat-guard.ts';
import { chatRoutes } from './chat-routes.ts';
import { decisionRoutes } from './decision-routes.ts';
import { directoryRoutes } from './directory-routes.ts';
import { eventRoutes } from './event-routes.ts';
import { createFailedAttempts } from './failed-attempts.ts';
import type { Forwarding } from './forwarding.ts';
import { hostRoutes } from './host-routes.ts';
import { importRoutes } from './import-routes.ts';
import { liveRoutes } from './live-routes.ts';
import type { OpenFeeds } from './open-feeds.ts';
import { silently } from './patiently.ts';
import { problemResponse } from './problem.ts';
import { isNavigation, refusalPage, signOnPage } from './refusal-page.ts';
import { forkRoutes } from './fork-routes.ts';
import { passkeyRoutes } from './passkey-routes.ts';
import { peopleRoutes } from './people-routes.ts';
import { promptRoutes } from './prompt-routes.ts';
import { type QuotaLimits, Quotas } from './quotas.ts';
import { type Refusal, RefusalLines } from './refusal-lines.ts';
import { largeBodyBytes, type Route, type ServerEnv, wantsPrincipal } from './route.ts';
import { limitRoutes } from './limit-routes.ts';
import { scheduleRoutes } from './schedule-routes.ts';
import { secretRoutes } from './secret-routes.ts';
import { usageRoutes } from './usage-routes.ts';
import { secure } from './security-headers.ts';
import { shareLinkRoutes } from './share-link-routes.ts';
import { sharingRoutes } from './sharing-routes.ts';
import { singleSignOnRoutes } from './single-sign-on-routes.ts';
import { systemRoutes } from './system-routes.ts';
import { terminalRoutes } from './terminal-routes.ts';
import { createTickets, ticketIn, type Tickets } from './tickets.ts';
import { type Asking, createTrail, type RequestTrail } from './trail.ts';
import { transcriptRoutes } from './transcript-routes.ts';
import { createWebFiles, type WebFiles } from './web-files.ts';
import { webRoutes } from './web-routes.ts';
import { worktreeRoutes } from './worktree-routes.ts';

export interface HttpLimits {
  /** Wrong credentials allowed per minute; beyond these the client has to wait. */
  failuresPerSource: number;
  failuresInAll: number;
  /** Sign-ins by passkey that one source may begin in a minute. */
  passkeyBegins: number;
  keepAliveMs: number;
  /** How much may be queued for one live socket before it is disconnected from what it follows. */
  liveBacklogBytes: number;
}

export interface AppOptions {
  chats: Chats;
  access: AccessOptions;
  basePath?: string;
  signInCodes: SignInCodes;
  /** Absent if there is nobody but the owner of the server's token. */
  people?: PeopleApi | undefined;
  passkeys?: PasskeysApi | undefined;
  /** Absent if people sign in by links and tokens only. */
  singleSignOn?: SingleSignOnApi | undefined;
  /** Replaces the server's own token. Throws if it was not made by the server. */
  rotateToken?: ((options: { endSessions: boolean }) => Promise<void>) | undefined;
  /** The way to the other hosts of the database; without it there are none. */
  forwarding?: Forwarding | undefined;
  /** Absent if the agents use no account. */
  agentSignIn?: AgentSignIn | undefined;
  secrets?: SecretsApi | undefined;
  /** Where everything that people do is written down. */
  audit?: Audit | undefined;
  /** Who may see which chat; without it everybody sees all. */
  sharing?: Sharing | undefined;
  /** Links by which anybody reads a chat; without it there are none. */
  shareLinks?: ShareLinksApi | undefined;
  log: Log;
  limits?: Partial<HttpLimits>;
  quotas?: Partial<QuotaLimits>;
  clock?: Clock;
  /** The web app; by default the built one. */
  web?: WebFiles;
}

interface AppEnv {
  Bindings: ServerEnv;
  /** Who sent the request; set only by the guard, from the credential. */
  Variables: {
    grant?: Grant;
    forwarded?: Forwarded;
    /** What somebody unknown may read. */
    link?: OpenLink;
    trail?: RequestTrail;
    code?: string;
    /** In place of the server's: of what is about a chat that the caller may stop seeing. */
    openFeeds?: OpenFeeds;
  };
}

export type App = Hono<AppEnv>;
type AppContext = Context<AppEnv>;

export const httpLimits: HttpLimits = {
  failuresPerSource: 20,
  failuresInAll: 200,
  passkeyBegins: 60,
  keepAliveMs: 15_000,
  liveBacklogBytes: 4 * 1024 * 1024,
};

// The router stores handlers: this maps them to their route values.
const routeOfHandler = new WeakMap<object, Route | 'guard'>();

/** The route declared for an entry of `app.routes`; undefined for one that bypassed the route list. */
export function declaredFor(handler: object): Route | 'guard' | undefined {
  return routeOfHandler.get(handler);
}

export function createRoutes(options: AppOptions, tickets: Tickets): Route[] {
  const { keepAliveMs, liveBacklogBytes, passkeyBegins } = { ...httpLimits, ...options.limits };
  const live = { keepAliveMs, clock: options.clock ?? systemClock, log: options.log };
  const links = {
    codes: options.signInCodes,
    publicOrigins: options.access.publicOrigins ?? [],
    basePath: options.basePath ?? '',
    clock: options.clock ?? systemClock,
  };
  return [
    ...systemRoutes(options.chats, links),
    ...peopleRoutes(options.people, { ...links, rotateToken: options.rotateToken }),
    ...singleSignOnRoutes(options.singleSignOn, { ...links, passkeys: options.passkeys }),
    ...passkeyRoutes(options.passkeys, { clock: links.clock, beginsPerSource: passkeyBegins }),
    ...agentSignInRoutes(options.agentSignIn),
    ...webRoutes(options.web ?? createWebFiles()),
    ...chatRoutes(options.chats),
    ...changeRoutes(options.chats, live),
    ...forkRoutes(options.chats),
    ...worktreeRoutes(options.chats, options.sharing),
    ...sharingRoutes(options.sharing),
    ...shareLinkRoutes(options.chats, options.shareLinks, { ...live, ...links }),
    ...scheduleRoutes(options.chats),
    ...secretRoutes(options.secrets),
    ...usageRoutes(options.chats),
    ...limitRoutes(options.chats),
    ...budgetRoutes(options.chats),
    ...auditRoutes(options.audit, options.log),
    ...asideRoutes(options.chats),
    ...promptRoutes(options.chats, options.log, options.quotas?.prompts),
    ...eventRoutes(options.chats, live),
    ...liveRoutes(options.chats, tickets, {
      ...live,
      sharing: options.sharing,
      backlogBytes: liveBacklogBytes,
    }),
    ...terminalRoutes(options.chats, tickets, { ...live, forwarding: options.forwarding }),
    ...transcriptRoutes(options.chats, { log: options.log }),
    ...importRoutes(options.chats),
    ...decisionRoutes(options.chats),
    ...directoryRoutes(options.chats),
    ...hostRoutes(options.chats, options.sharing),
  ];
}

/** The whole HTTP API as a value: `app.request()` works without a port. */
export function createApp(options: AppOptions): App {
  const access = createAccess({ ...options.access, links: options.shareLinks });
  const { clock = systemClock, log, forwarding } = options;
  const { failuresPerSource, failuresInAll } = { ...httpLimits, ...options.limits };
  const limits = { perSource: failuresPerSource, inAll: failuresInAll };
  const failedAttempts = createFailedAttempts({ clock, log, limits });
  const tickets = createTickets(clock);
  const pacer = options.audit && new AuditPacer(options.audit, clock);
  const routes = createRoutes(options, tickets);
  const app: App = new Hono();
  const lines = new RefusalLines(clock, log);
  const quotas = new Quotas(options.quotas ?? {}, clock);

  const refuse = (thrown: unknown, c: AppContext): Response => {
    const { signal } = c.req.raw;
    // Whoever asked has hung up. Nobody reads the answer, and nothing has failed.
    if (signal.aborted && thrown === signal.reason) return new Response(null, { status: 499 });
    const { code, details } = toBooError(thrown);
    c.set('code', code);
    const response = problemResponse(thrown, log);
    const { status } = response;
    // Errors that are the server's fault are logged with their cause, and wrong credentials are counted.
    if (status < 500 && !(status === 401 && showsCredential(c)))
      lines.add({ ...askedBy(c), status, code, ...named(details) });
    const declared = declaredOf(c);
    return typeof declared === 'object' && declared.isNavigated && isNavigation(c.req.raw)
      ? signOnPage(toBooError(thrown), status, `${options.basePath ?? ''}/`)
      : response;
  };

  /** Who asks; undefined if the policy does not want to know. */
  const identify = async (c: AppContext): Promise<Grant | undefined> => {
    const request = c.req.raw;
    // A host that has signed its request needs neither the perimeter nor a token.
    const forwarded = await forwarding?.verify(request);
    c.set('forwarded', forwarded);
    if (forwarded) return { principal: forwarded.principal, by: 'host' };
    access.checkSource(request, c.env?.proto);
    const policy = policyOf(c);
    const ticket = policy === 'ticket' ? ticketIn(request.headers) : undefined;
    if (policy === 'link') c.set('link', await access.checkLink(request));
    if (!wantsPrincipal(policy)) return undefined;
    return ticket === undefined ? access.checkToken(request) : tickets.check(ticket);
  };

  /** `here`, unless it is about a chat that another host holds: then that host answers. */
  const answer = (
    c: AppContext,
    { bodyLimitBytes, byHolder }: Answering,
    here: (request: Request) => Promise<Response>,
  ) => {
    const of = subjectOf(c);
    const principal = c.get('grant')?.principal;
    if (!forwarding || !of || !principal || c.get('forwarded')) return here(c.req.raw);
    const asked = {
      of,
      request: c.req.raw,
      principal,
      limitBytes: bodyLimitBytes,
      isStored: byHolder !== 'only',
      beginsHere: byHolder === 'if_missing',
    };
    return silently(c.env ?? {}, () => forwarding.answer(asked, here));
  };

  /** Throws if the caller may not do that with the chat. What stays open ends when they no longer may. */
  const guardChat = async (c: AppContext, principal: Principal): Promise<void> => {
    const declared = declaredOf(c);
    const { sharing } = options;
    const guarded = typeof declared === 'object' && sharing && guardedBy(sharing, principal, declared, c.req.path);
    if (!guarded) return;
    await guarded.assert();
    const feeds = c.env?.openFeeds;
    if (feeds) c.set('openFeeds', guarded.recheck(feeds, clock));
  };

  // Runs first for every request. A handler that declares no policy is guarded like any other: by the token.
  const guard: MiddlewareHandler = async (c: AppContext, next) => {
    const peer = c.env?.peer;
    const trail = pacer && createTrail(pacer, askingOf(c, options.sharing));
    c.set('trail', trail);
    try {
      const grant = await identify(c);
      if (grant) {
        c.set('grant', grant);
        peer?.admit(grant);
        // What has ended meanwhile was not known to this connection then.
        access.assertCurrent(grant);
        assertRole(grant, roleOf(c));
        await guardChat(c, grant.principal);
      }
      await next();
    } catch (error) {
      const refused = refuse(error, c);
      c.res = (isNavigation(c.req.raw) ? refusalPage(error) : undefined) ?? refused;
    }
    if (c.res.status === 401 && showsCredential(c)) {
      const source = peer?.source ?? 'unknown';
      const retryAfterSeconds = failedAttempts.add(source);
      pacer?.guess(source, policyOf(c) === 'code' ? 'signIn' : 'authenticate');
      if (retryAfterSeconds !== undefined) {
        // Setting the body of another response would take over its headers.
        c.res = undefined;
        c.res = problemResponse(tooManyAttempts(retryAfterSeconds), log);
      }
    }
    await trail?.finish(c.res, c.get('code'));
    secure(c.res);
    if (forwarding && c.req.raw.headers.has(forwardedHeader)) c.res.headers.set(hostHeader, forwarding.hostId);
  };
  routeOfHandler.set(guard, 'guard');
  app.use(guard);

  for (const route of routes) {
    const handler = (c: AppContext): Promise<Response> => {
      const openFeeds = c.get('openFeeds');
      const incoming = {
        pathParams: c.req.param(),
        clock,
        env: { ...c.env, ...(openFeeds && { openFeeds }) },
        grant: c.get('grant'),
        forwarded: c.get('forwarded'),
        link: c.get('link'),
        trail: c.get('trail'),
      };
      const here = (request: Request): Promise<Response> => {
        const { grant, link, env } = incoming;
        const asker = grant?.principal ?? (link && { id: `link ${link.id}` });
        if (!asker) return route.answer({ ...incoming, request });
        return quotas.within(route.quota, asker, env, (watched) =>
          route.answer({ ...incoming, env: watched, request }),
        );
      };
      return route.byHolder ? answer(c, route, here) : here(c.req.raw);
    };
    routeOfHandler.set(handler, route);
    app.on(route.method, honoPath(route.path), handler);
  }

  app.onError((error, c) => refuse(error, c));
  app.notFound((c) => {
    // A newer host may know it.
    return answer(c, { bodyLimitBytes: largeBodyBytes }, () => Promise.resolve(refuse(unknownPath(c), c)));
  });
  const unknownPath = (c: AppContext): BooError => {
    const allow = methodsAt(routes, c.req.path);
    return allow.length === 0
      ? new BooError('not_found', 'This path does not exist on this server.')
      : new BooError('method_not_allowed', `This path supports ${allow.join(', ')}.`, { details: { allow } });
  };
  return app;
}

type Answering = Pick<Route, 'bodyLimitBytes' | 'byHolder'>;

function declaredOf(c: AppContext): Route | 'guard' | undefined {
  return matchedRoutes(c)
    .map(({ handler }) => routeOfHandler.get(handler))
    .at(-1);
}

function policyOf(c: AppContext): Route['policy'] | undefined {
  const declared = declaredOf(c);
  if (declared === undefined) return 'bearer';
  return declared === 'guard' ? undefined : declared.policy;
}

/** The least role that may use what is asked for; what declares none is for owners. */
function roleOf(c: AppContext): Role | undefined {
  const declared = declaredOf(c);
  if (declared === 'guard') return undefined;
  return declared?.role ?? 'owner';
}

/** Throws `forbidden`. */
function assertRole({ principal: { name, role } }: Grant, needs: Role | undefined): void {
  if (needs === undefined || hasRole(role, needs)) return;
  throw new BooError('forbidden', `${name} has the role ${role} here; this needs the role ${needs}.`, {
    details: { needs, role },
  });
}

/** Which chat a path is about, also one that this version does not know. */
function subjectOf(c: AppContext): Subject | undefined {
  const [, kind, id] =
    /^\/v1\/(chats|decisions)\/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?:\/|$)/i.exec(c.req.path) ?? [];
  if (id === undefined) return undefined;
  return kind === 'chats' ? { chatId: id } : { decisionId: id };
}

/** Whether the request shows a credential, valid or not. */
function showsCredential(c: AppContext): boolean {
  const { headers } = c.req.raw;
  const policy = policyOf(c);
  return (
    headers.has('authorization') ||
    headers.has(forwardedHeader) ||
    policy === 'code' ||
    (policy === 'ticket' && ticketIn(headers) !== undefined)
  );
}

function askedBy(c: AppContext): Pick<Refusal, 'source' | 'principal' | 'client' | 'method' | 'path'> {
  const { headers, method } = c.req.raw;
  const declared = declaredOf(c);
  const principal = c.get('grant')?.principal;
  const client = headers
    .get('boocode-client')
    ?.replace(/[^\x20-\x7e]/g, '?')
    .slice(0, 64);
  return {
    source: c.env?.peer?.source ?? 'unknown',
    ...(principal && { principal: principal.id }),
    ...(client !== undefined && { client }),
    method,
    path: typeof declared === 'object' ? declared.path : 'unknown',
  };
}

function askingOf(c: AppContext, sharing: Sharing | undefined): Asking {
  const declared = declaredOf(c);
  const of = subjectOf(c);
  return {
    route: typeof declared === 'object' ? declared : undefined,
    request: c.req.raw,
    chatId: of && 'chatId' in of ? of.chatId : undefined,
    principal: () => c.get('grant')?.principal,
    source: c.env?.peer?.source ?? null,
    isForwarded: () => c.get('forwarded') !== undefined,
    isOwn: (person, chatId) => (sharing ? sharing.isOwn(chatId, person) : person.id === owner.id),
  };
}

function named({ field }: Readonly<Record<string, unknown>>): Pick<Refusal, 'field'> {
  return typeof field === 'string' ? { field: field.slice(0, 100) } : {};
}

function tooManyAttempts(retryAfterSeconds: number): BooError {
  const sentence = `Too many wrong credentials. A valid one is still accepted; otherwise wait ${retryAfterSeconds} seconds.`;
  return new BooError('too_many_attempts', sentence, { details: { retryAfterSeconds } });
}

const honoPath = (path: string): string => path.replaceAll(/\{(\w+)\}/g, ':$1');

function methodsAt(routes: readonly Route[], path: string): string[] {
  const here = routes.filter((route) => fits(route.path, path)).map((route) => route.method);
  return here.flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method]));
}

function fits(template: string, path: string): boolean {
  const wanted = template.split('/');
  const given = path.split('/');
  return (
    wanted.length === given.length &&
    wanted.every((part, at) => (part.startsWith('{') ? given[at] !== '' : part === given[at]))
  );
}
