/** The settings of single sign-on: see `people/single-sign-on.ts`. */
import { resolve } from 'node:path';
import { z } from 'zod';
import { parseRoleRule } from './people/role-rules.ts';
import type { SingleSignOnSettings } from './people/single-sign-on.ts';
import { BooError } from './protocol/error.ts';

/** In clear text only on this machine: whoever is on the way could sign in as anybody. */
const issuer = z
  .url({ protocol: /^https?$/, error: 'must be a URL such as https://login.example.org/realms/main' })
  .refine(
    (text) => !isClearText(text) || /^(localhost|127(\.\d+){3}|\[::1\])$/.test(new URL(text).hostname),
    'must use https, except on this machine',
  );

const isClearText = (text: string): boolean => URL.canParse(text) && new URL(text).protocol === 'http:';

const roleRules = z.string().transform((text, context) => {
  const pairs = text.split(',').map((pair) => pair.trim());
  const rules = pairs.map(parseRoleRule).filter((rule) => rule !== undefined);
  if (rules.length === pairs.length) return rules;
  context.addIssue('must be pairs of a role (owner, member, viewer) and a value, such as owner=admins,viewer=*');
  return z.NEVER;
});

export const singleSignOnSchemas = {
  'oidc-issuer': issuer,
  'oidc-client-id': z.string().trim().min(1, 'must not be empty'),
  'oidc-client-secret-file': z.string().min(1, 'must be the path of a file'),
  'oidc-scopes': z
    .string()
    .trim()
    .refine((text) => text.split(/\s+/).includes('openid'), 'must have openid among them: openid profile groups'),
  'oidc-role-claim': z.string().trim().min(1, 'must be the name of a claim'),
  'oidc-roles': roleRules,
  'oidc-session-hours': z
    .string()
    .trim()
    .refine((text) => /^[1-9]\d{0,3}$/.test(text) && Number(text) <= 2160, 'must be a whole number from 1 to 2160')
    .transform(Number),
};

type Given = Omit<SingleSignOnSettings, 'issuer' | 'clientId'> & { issuer: string | null; clientId: string | null };

/** Null without a provider. Throws `config_invalid` if half of it is missing. */
export function singleSignOnOf(
  { issuer, clientId, clientSecretFile, ...rest }: Given,
  nameOf: (flag: 'oidc-issuer' | 'oidc-client-id') => string,
): SingleSignOnSettings | null {
  if (issuer === null && clientId === null) return null;
  if (issuer === null) throw incomplete(`${nameOf('oidc-client-id')}: needs the provider, --oidc-issuer, too.`);
  if (clientId === null) {
    throw incomplete(`${nameOf('oidc-issuer')}: needs what the provider knows this server by, --oidc-client-id, too.`);
  }
  return { issuer, clientId, clientSecretFile: clientSecretFile === null ? null : resolve(clientSecretFile), ...rest };
}

const incomplete = (sentence: string): BooError => new BooError('config_invalid', sentence);
