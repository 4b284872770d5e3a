import { Dialog } from '../parts/dialog.tsx';

const keys = [
  ['n, p', 'Next and previous file'],
  ['j, k', 'Next and previous change'],
  ['↑, ↓', 'Another line; with Shift, several'],
  ['c', 'Comment on the selected lines'],
  ['Ctrl+Enter, Esc', 'Add the comment to the prompt'],
  ['s', 'Mark the file as seen, and go on'],
  ['u', 'Unified or split'],
  ['w', 'White space on or off'],
  ['i', 'Ignored files on or off'],
  ['e', 'Hide or show the conversation'],
  ['?', 'These keys'],
] as const;

export function ChangesKeys({ onClose }: { onClose: () => void }) {
  return (
    <Dialog title="Keys of the changes" onClose={onClose}>
      <dl className="keys">
        {keys.map(([key, label]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{label}</dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}
