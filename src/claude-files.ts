/** What the command line needs to know about the program's own files: the entry point to a part of `agents`. */
export { FreshFile } from './agents/claude/files/fresh-file.ts';
export { listSessions, type NativeSession, readSession } from './agents/claude/files/list-sessions.ts';
export { sessionFolder } from './agents/claude/files/native-layout.ts';
export { isRecordOfRequest, parseEntry, readLines } from './agents/claude/files/read-lines.ts';
export { type SessionFile, sessionFiles, stateOf } from './agents/claude/files/session-files.ts';
export { programIn } from './agents/claude/files/session-in-use.ts';
export { SessionWriter, type WrittenFile } from './agents/claude/files/write-sessions.ts';
