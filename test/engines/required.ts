/** `REQUIRE_ENGINES`: engines without which a run fails, where it would skip their suites. */

/** All that may be named. Chromium's suite looks itself; the stand-in for EventStoreDB is a part of the tests. */
const known = ['kafka', 'registry', 'eventstoredb', 'eventstoredb-standin', 'chromium'] as const;

export type RequiredEngine = (typeof known)[number];

/** The names, separated by commas. @throws where one is not known */
export function requiredEngines(text = process.env['REQUIRE_ENGINES'] ?? ''): readonly RequiredEngine[] {
  const names = text.split(',').map((name) => name.trim());
  const given = names.filter((name) => name !== '');
  const unknown = given.filter((name) => !isKnown(name));
  if (unknown.length > 0) {
    throw new Error(`REQUIRE_ENGINES: ${unknown.join(', ')} is not known; known are ${known.join(', ')}.`);
  }
  return given.filter(isKnown);
}

const isKnown = (name: string): name is RequiredEngine => (known as readonly string[]).includes(name);
