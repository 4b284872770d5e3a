/** What is said where the new chat goes its own way. */
export const forkedText = 'The chat was forked here: what comes before was said in another chat.';
