/** Work of several cases at once, a few at a time; each answers for itself. */
export function sideBySide<Name extends string, Outcome>(
  names: readonly Name[],
  atOnce: number,
  work: (name: Name) => Promise<Outcome>,
): (name: Name) => Promise<Outcome> {
  const outcomes = new Map(names.map((name) => [name, Promise.withResolvers<Outcome>()]));
  const left = [...names];
  let begun = false;
  const worker = async (): Promise<void> => {
    for (let name = left.shift(); name !== undefined; name = left.shift()) {
      const { resolve, reject, promise } = outcomes.get(name) as PromiseWithResolvers<Outcome>;
      // A case may fail before its test asks.
      promise.catch(() => undefined);
      await work(name).then(resolve, reject);
    }
  };
  return (name) => {
    if (!begun) for (let n = 0; n < atOnce; n += 1) void worker();
    begun = true;
    const outcome = outcomes.get(name);
    if (outcome === undefined) throw new Error(`There is no case ${name}.`);
    return outcome.promise;
  };
}
