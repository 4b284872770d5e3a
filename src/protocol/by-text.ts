/** Who did something, for people: `owner via cli`, or one word if no person is known. Not yet cleaned for its place. */
export function byText({ by, via }: { by: string | null; via?: string | null | undefined }): string {
  const name = by ?? 'somebody';
  return via === undefined || via === null ? name : `${name} via ${via}`;
}
