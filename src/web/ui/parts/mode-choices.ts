import type { PermissionMode } from '../../../protocol/chat.ts';

export const modeChoices: { value: PermissionMode; label: string; hint: string }[] = [
  { value: 'default', label: 'Ask', hint: 'Asks before it changes or runs anything.' },
  {
    value: 'acceptEdits',
    label: 'Accept edits',
    hint: 'Edits, creates, moves and deletes files in the directory without asking; asks before other commands.',
  },
  { value: 'plan', label: 'Plan first', hint: 'Reads and plans; changes nothing until you approve.' },
  { value: 'auto', label: 'Automatic', hint: 'Decides by itself what is safe, and asks about the rest.' },
  { value: 'dontAsk', label: 'Do not ask', hint: 'Denies anything that is not already allowed, without asking.' },
  { value: 'bypassPermissions', label: 'Allow everything', hint: 'Never asks. Use it only where nothing can break.' },
];
