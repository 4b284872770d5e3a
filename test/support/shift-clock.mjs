/**
 * Shifts the time of day of this program by the returned milliseconds. Timers and the monotonic clock are as ever.
 * @param {() => number} aheadMs
 */
export function shiftClock(aheadMs) {
  const RealDate = Date;
  globalThis.Date = class extends RealDate {
    constructor(...given) {
      if (given.length === 0) super(RealDate.now() + aheadMs());
      else super(...given);
    }
    static now() {
      return RealDate.now() + aheadMs();
    }
  };
}
