/** The server's base URL, without a trailing slash. It is the page's own, which may be served under a path. */
export const baseUrl = (): string => new URL('.', location.href).href.replace(/\/$/, '');
