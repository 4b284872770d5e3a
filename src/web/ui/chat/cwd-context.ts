import { createContext } from 'react';

/** The directory of the chat that is looked at: paths below it are told without it. */
export const CwdContext = createContext('');
