/** Where the server is: the address of the page, which may stand below a path; without a slash at its end. */
export const baseUrl = (): string => new URL('.', location.href).href.replace(/\/$/, '');
