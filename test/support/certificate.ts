import { generate } from 'selfsigned';

/** A certificate for this machine that vouches for itself, and its key, as texts (PEM). */
export async function ownCertificate(): Promise<Readonly<{ cert: string; key: string }>> {
  const made = await generate([{ name: 'commonName', value: 'localhost' }], {
    keyType: 'ec',
    extensions: [
      { name: 'basicConstraints', cA: true },
      {
        name: 'subjectAltName',
        altNames: [
          { type: 2, value: 'localhost' },
          { type: 7, ip: '127.0.0.1' },
        ],
      },
    ],
  });
  return { cert: made.cert, key: made.private };
}
