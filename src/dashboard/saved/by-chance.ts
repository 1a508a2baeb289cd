/** Names that the page makes: with one of them what is asked for twice, because no answer was heard, is made once. */

/** 72 bits, as the server makes them: no two are equal. */
const ID_BYTES = 9;
/** 256 bits: nobody guesses it. */
const SECRET_BYTES = 32;

/** Of a dashboard or a panel. */
export const newId = (): string => base64url(ID_BYTES);

/** What opens a link. */
export const newSecret = (): string => `sgd_${base64url(SECRET_BYTES)}`;

function base64url(bytes: number): string {
  const random = crypto.getRandomValues(new Uint8Array(bytes));
  return btoa(String.fromCharCode(...random))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '');
}
