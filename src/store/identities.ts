/** People who sign in by an identity provider, which knows them by an issuer and a subject. */
import type { Role } from '../protocol/principal.ts';
import type { Sql } from './database.ts';
import type { NewPerson } from './people.ts';

export interface Identity {
  issuer: string;
  subject: string;
}

export interface KnownIdentity {
  personId: string;
  name: string;
  role: Role;
  isRemoved: boolean;
}

export async function findIdentity(db: Sql, { issuer, subject }: Identity): Promise<KnownIdentity | null> {
  const [row] = await db<KnownIdentity[]>`
    select people.id as "personId", name, role, removed_at is not null as "isRemoved"
    from boocode.identities join boocode.people on people.id = person_id
    where issuer = ${issuer} and subject = ${subject}`;
  return row ?? null;
}

/** A new person. Fails with `isNameTaken` if somebody has the name, and with `isKnownIdentity` if it was somebody else’s act. */
export async function insertIdentity(db: Sql, { issuer, subject }: Identity, person: NewPerson): Promise<void> {
  const { id, name, role, createdBy } = person;
  await db`
    with added as (
      insert into boocode.people (id, name, role, created_by) values (${id}, ${name}, ${role}, ${createdBy}) returning id)
    insert into boocode.identities (issuer, subject, person_id) select ${issuer}, ${subject}, id from added`;
}
