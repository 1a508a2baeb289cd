/** Whether who sent this `Accept-Encoding` reads gzip (RFC 9110, 12.5.3): a weight of zero says that it does not. */
export const acceptsGzip = (acceptEncoding: string): boolean =>
  acceptEncoding.split(',').some((coding) => /^\s*gzip\s*(;(?!\s*q=0(\.0*)?\s*$)|$)/i.test(coding));
