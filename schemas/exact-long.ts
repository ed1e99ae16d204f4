import avsc from 'avsc';

/**
 * The largest magnitude of a long, 2^52 - 1. avsc computes the zig-zag form, twice the number, in doubles: a negative
 * number beyond it is read as 2^52 or another positive one (https://github.com/mtth/avsc/issues/455).
 */
export const largestLong = 2 ** 52 - 1;

type Tap = Readonly<{ readLong(): number; writeLong(value: number): void }>;
type Hook = (value: unknown, type: ExactLong) => void;

/** avsc's long, which refuses what it would not give back exactly. The methods are those avsc's generated code calls. */
export class ExactLong extends avsc.types.LongType {
  _check(value: unknown, _flags: unknown, hook?: Hook): boolean {
    const exact = isExact(value);
    if (!exact) hook?.(value, this);
    return exact;
  }

  _write(tap: Tap, value: unknown): void {
    if (!isExact(value)) throw new Error('The number is no exact long.');
    tap.writeLong(value);
  }

  _read(tap: Tap): number {
    const value = tap.readLong();
    if (!isExact(value)) throw new Error('The number is no exact long.');
    return value;
  }
}

function isExact(value: unknown): value is number {
  return Number.isInteger(value) && Math.abs(value as number) <= largestLong;
}
