import { createContext } from 'react';

/** The directory of the open chat. Paths inside it are shown relative to it. */
export const CwdContext = createContext('');
