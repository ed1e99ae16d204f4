/** Paragraphs on bars, by name. */
export type Notes = Readonly<Partial<Record<string, string>>>;

/**
 * Where the time of a bar goes that is below its goal: from a profile, with its figures, and what the limit is. They stand
 * on the page for as long as the bar is below its goal.
 */
export const notes: Notes = {};
