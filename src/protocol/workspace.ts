import { z } from 'zod';

/** What a chat's directory is called on every host. */
export const workspace = z
  .object({
    /** The repository's remote, without credentials. Null without one. */
    remote: z.string().nullable(),
    /** The branch that was checked out there when an agent last started or finished a turn; null if none was. */
    branch: z.string().nullable(),
    /** With a remote: where the directory is in the repository, '' at its top. Otherwise its absolute path. */
    path: z.string(),
  })
  .meta({ id: 'Workspace' });
export type Workspace = z.infer<typeof workspace>;
