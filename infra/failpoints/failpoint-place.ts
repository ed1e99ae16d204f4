/** A place in a loop at which a process can be made to die. */
export type Failpoint = Readonly<{
  /** The file of the loop, from the repository's root. */
  file: string;
  /** What a death there means, in one sentence. */
  means: string;
  /** The kill point of the fault plan that it is. */
  killPoint?: string;
}>;

/** One row of the registry of failpoints. */
export function at(file: string, means: string, killPoint?: string): Failpoint {
  return { file, means, ...(killPoint === undefined ? {} : { killPoint }) };
}
