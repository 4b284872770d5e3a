import { z } from 'zod';

/** Directories on the server whose paths begin with what was asked for. */
export const directoryList = z
  .object({
    /** At most fifty, by name; `truncated` says that there are more. */
    items: z.array(z.object({ path: z.string(), name: z.string() })),
    truncated: z.boolean(),
    /** The directory that they are in. */
    parent: z.string(),
  })
  .meta({ id: 'DirectoryList' });
export type DirectoryList = z.infer<typeof directoryList>;
