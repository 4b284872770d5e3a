// Preloaded into a program (`--import`): its clock is an hour ahead. Timers and the monotonic clock are as ever.
const aheadMs = 3_600_000;
const RealDate = Date;
globalThis.Date = class extends RealDate {
  constructor(...given) {
    if (given.length === 0) super(RealDate.now() + aheadMs);
    else super(...given);
  }
  static now() {
    return RealDate.now() + aheadMs;
  }
};
