import { z } from 'zod';

/** Directories on the server whose paths start with the requested prefix. */
export const directoryList = z
  .object({
    /** At most fifty, by name; `truncated` is true if there are more. */
    items: z.array(z.object({ path: z.string(), name: z.string() })),
    truncated: z.boolean(),
    /** The directory that contains them. */
    parent: z.string(),
  })
  .meta({ id: 'DirectoryList' });
export type DirectoryList = z.infer<typeof directoryList>;
