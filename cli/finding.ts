/** `well` · `note`: works, but less than it could · `wrong`: does not work. */
export type Finding = Readonly<{
  about: string;
  verdict: 'well' | 'note' | 'wrong';
  says: string;
  todo?: string;
}>;

export const well = (about: string, says: string): Finding => ({ about, verdict: 'well', says });

export const note = (about: string, says: string, todo: string): Finding => ({
  about,
  verdict: 'note',
  says,
  todo,
});

export const wrong = (about: string, says: string, todo: string): Finding => ({
  about,
  verdict: 'wrong',
  says,
  todo,
});
