/** `well` · `note`: works, but less than it could · `wrong`: does not work. */
export type Finding = Readonly<{
  about: string;
  verdict: 'well' | 'note' | 'wrong';
  says: string;
  todo?: string;
}>;

/** A finding of what works. */
export function well(about: string, says: string): Finding {
  return { about, verdict: 'well', says };
}

/** A finding of what works less than it could. */
export function note(about: string, says: string, todo: string): Finding {
  return { about, verdict: 'note', says, todo };
}

/** A finding of what keeps Daybook from starting. */
export function wrong(about: string, says: string, todo: string): Finding {
  return { about, verdict: 'wrong', says, todo };
}
