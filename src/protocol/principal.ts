/**
 * Who did something. `by` names it in one word and was there from the beginning, so it stays a string that any client can
 * print; `principal` says which person that is, for programs, and is only set if a person is known. A word in `by`
 * alone is therefore never a person's: it is `agent`, `host` or `terminal`, or, in what was stored before there were
 * principals, what a client called itself.
 */
import { z } from 'zod';

/**
 * What a person may do, the most first: an owner everything; a member everything with chats; a viewer only reads. What each
 * route needs is declared there.
 */
export const roles = ['owner', 'member', 'viewer'] as const;
export type Role = (typeof roles)[number];

/** Whether someone with the role may do what needs the other one. */
export const hasRole = (role: Role, needed: Role): boolean => roles.indexOf(role) <= roles.indexOf(needed);

export const principal = z.object({ id: z.string(), name: z.string(), role: z.enum(roles) }).meta({ id: 'Principal' });
/** A person whom the server identified by a credential. The id never changes; the name is from when this was stored. */
export type Principal = Readonly<z.infer<typeof principal>>;

/** The author of a request. */
export interface Actor {
  readonly principal: Principal;
  /** What their client calls itself, such as `cli`. It is the client's own word, and proves nothing. */
  readonly via: string;
}

const person = {
  /** The person, if it was one. */
  principal: principal.optional(),
  /** What their client calls itself: its own word, which proves nothing. */
  via: z.string().optional(),
};

/** Fields of an event that a person, or something else, may have caused. */
export const doneBy = {
  /** Who did it: the person's name. Missing if no person is known to have done it. */
  by: z.string().optional(),
  ...person,
};

/** Fields of an event that always has an author. */
export const settledBy = {
  /** Who did it: a person's name; `agent`, `host` or `terminal`; in old events without `principal`, a client's label. */
  by: z.string(),
  ...person,
};

/** Who did something, as events have it. */
export interface DoneBy {
  by: string;
  principal?: Principal | undefined;
  via?: string | undefined;
}

/** Whose something is that the actor makes. */
export const ownerOf = (actor: Actor | undefined): Pick<Principal, 'id' | 'name'> | undefined =>
  actor && { id: actor.principal.id, name: actor.principal.name };

export const doneByActor = ({ principal: { id, name, role }, via }: Actor): DoneBy => ({
  by: name,
  principal: { id, name, role },
  via,
});
