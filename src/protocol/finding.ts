/** What `boocode doctor` says of one thing that the server needs. */
export interface Finding {
  name: string;
  status: 'ok' | 'warn' | 'fail';
  message: string;
  /** What to do; null when nothing is. */
  fix: string | null;
}

export function finding(name: string, status: Finding['status'], message: string, fix: string | null = null): Finding {
  return { name, status, message, fix };
}
