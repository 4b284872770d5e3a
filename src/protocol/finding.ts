/** The result of one check of `boocode doctor`. */
export interface Finding {
  name: string;
  status: 'ok' | 'warn' | 'fail';
  message: string;
  /** What to do; null if there is nothing to do. */
  fix: string | null;
}

export function finding(name: string, status: Finding['status'], message: string, fix: string | null = null): Finding {
  return { name, status, message, fix };
}
