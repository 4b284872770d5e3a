// Preloaded into a program (`--import`): its clock is an hour ahead.
import { shiftClock } from './shift-clock.mjs';

shiftClock(() => 3_600_000);
