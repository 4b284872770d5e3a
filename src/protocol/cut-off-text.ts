/** What a message with `isPartial` says below its text. */
export const cutOffText = 'Cut off here: the turn ended while this was being written.';
