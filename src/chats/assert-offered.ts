import type { Agent } from '../agents/agent.ts';
import type { PatchChat } from '../protocol/chat.ts';
import { BooError } from '../protocol/error.ts';

/** Throws `invalid_request` for a value that the agent does not know: it would fail the next prompt. */
export async function assertOffered(
  agent: Agent,
  { model, permissionMode }: Pick<PatchChat, 'model' | 'permissionMode'>,
): Promise<void> {
  if (permissionMode !== undefined && !agent.permissionModes.includes(permissionMode)) {
    const modes = agent.permissionModes.join(', ');
    const message = `permissionMode: ${agent.label} has no mode “${permissionMode}”. Use one of: ${modes}.`;
    throw new BooError('invalid_request', message, { details: { field: 'permissionMode' } });
  }
  if (!model || (await agent.knowsModel?.(model)) !== false) return;
  const such = agent.models.length > 0 ? `, or one such as ${agent.models.join(', ')}` : '';
  const message = `model: there is no model “${model}”. Use a full model name${such}.`;
  throw new BooError('invalid_request', message, { details: { field: 'model' } });
}
