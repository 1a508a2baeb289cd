/**
 * Names of headers as bytes, for what every request asks: the library takes them at half the cost of a string, which it
 * would encode anew in each call.
 */

/** Of its own, not a part of Node's pool: all of the buffer is the text. */
export const headerBytes = (text: string): ArrayBuffer =>
  Uint8Array.from(Buffer.from(text, 'latin1')).buffer;

/** Of requests: the library knows them in lower case. */
export const HEADER = {
  origin: headerBytes('origin'),
  contentType: headerBytes('content-type'),
  contentEncoding: headerBytes('content-encoding'),
  contentLength: headerBytes('content-length'),
  userAgent: headerBytes('user-agent'),
  referer: headerBytes('referer'),
  acceptLanguage: headerBytes('accept-language'),
  doNotTrack: headerBytes('dnt'),
  /** Global Privacy Control. */
  privacy: headerBytes('sec-gpc'),
} as const;
