/** What the demo model is asked for. A contestant that loses or duplicates a delta fails the run. */
export const shortPrompt = 'stream 20 tokens';
export const longPrompt = 'stream 2000 tokens';

const counts = { [shortPrompt]: 20, [longPrompt]: 2000 };

export async function checkedTurn(contestant, prompt) {
  const turn = await contestant.turn(prompt);
  const expected = Array.from({ length: counts[prompt] }, (_, index) => `t${index + 1}`).join(' ');
  if (turn.text.trim() !== expected) throw new Error(`A turn's text came ${turn.text.length} characters long.`);
  return turn;
}
