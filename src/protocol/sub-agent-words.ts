/** Of a decision with a `subagentCallId`. */
export const startsOverWords =
  'A sub-agent asks. If its process ends before the answer, it starts over, and the answer applies when it asks for the same again.';
