import { Admission, type AdmissionParts } from '../../src/chats/admission.ts';
import { silentLog } from '../../src/lib/log.ts';
import { ManualClock } from './manual-clock.ts';

/** Lets every agent start, unless something else is given. */
export function openAdmission(parts: Partial<AdmissionParts> = {}): Admission {
  return new Admission({
    clock: new ManualClock(),
    logger: silentLog,
    limits: { startsAtOnce: 4, agentBytes: 1, reserveBytes: null },
    readMemory: () => null,
    idle: () => [],
    ...parts,
  });
}
