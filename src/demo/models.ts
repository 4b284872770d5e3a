/**
 * What the Messages API says about its models. The demo answers under any name; it lists those that look like a
 * model's.
 */

const listed = ['claude-opus-5-5', 'claude-sonnet-5-5', 'claude-haiku-5-5', 'claude-fable-5-2'].map(toModel);
const modelName = /^claude-[\w.-]+$/;

/** The path behind `/v1/models`. */
export function answerModels(path: string): { status: number; body: unknown } {
  if (path === '' || path === '/') return { status: 200, body: { data: listed, has_more: false } };
  const name = decodeURIComponent(path.slice(1));
  if (modelName.test(name)) return { status: 200, body: toModel(name) };
  const error = { type: 'not_found_error', message: `model: ${name}` };
  return { status: 404, body: { type: 'error', error } };
}

function toModel(id: string): { type: 'model'; id: string; display_name: string } {
  return { type: 'model', id, display_name: id };
}
