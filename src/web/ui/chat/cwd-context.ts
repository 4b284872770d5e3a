import { createContext } from 'react';

/** The directory of the open chat. Paths inside it are shown relative to it. */
export const CwdContext = createContext('');

/** Whether the open chat's directory is known to be in a git repository. */
export const InRepositoryContext = createContext(false);
