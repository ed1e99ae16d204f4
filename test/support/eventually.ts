/** Looks that are made at least: a machine that stood still for longer than `withinMs` has made one of them. */
const fewestLooks = 10;

/** Longest time beyond `withinMs` that is given to the fewest looks, in milliseconds: they may take long by themselves. */
const graceMs = 5_000;

/**
 * Repeats an assertion until it passes; the one way a test waits for something.
 * @throws the assertion's last error when `withinMs` (default 10 000) is over, after ten looks or 5 s more
 */
export async function eventually<T>(
  assertion: () => T | Promise<T>,
  { withinMs = 10_000, everyMs = 20 }: { withinMs?: number; everyMs?: number } = {},
): Promise<T> {
  const deadline = performance.now() + withinMs;
  let last: number | undefined;
  for (let looks = 1; ; looks += 1) {
    try {
      return await assertion();
    } catch (error) {
      const now = performance.now();
      if (now > deadline) last ??= looks < fewestLooks ? now + graceMs : now;
      if (last !== undefined && (looks >= fewestLooks || now >= last)) throw error;
      await new Promise((wake) => setTimeout(wake, everyMs));
    }
  }
}
