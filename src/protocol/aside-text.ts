/** The question in `/btw question`, as people type it where they write prompts; undefined if it is none. */
export function asideIn(text: string): string | undefined {
  return /^\/btw\s+([^]*\S)\s*$/.exec(text.trim())?.[1];
}
