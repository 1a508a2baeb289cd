/**
 * Which web pages may talk to this listener. A browser lets any page send simple requests and open WebSockets to any
 * address, loopback included, so what a page could do without asking is refused here.
 */

/** Foreign origins are refused unless configured; a request without an origin is not a page's. */
export function originIsAllowed(
  origin: string,
  host: string,
  allowedOrigins: readonly string[],
): boolean {
  if (origin === '' || allowedOrigins.includes(origin) || allowedOrigins.includes('*')) return true;
  return /^https?:\/\/(.+)$/i.exec(origin)?.[1]?.toLowerCase() === host.toLowerCase();
}

const LOOPBACK_HOST = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d{1,5})?$/i;

/**
 * On loopback there may be no keys, and then the only guard against a page whose host name was made to resolve to
 * 127.0.0.1 (DNS rebinding) is the name itself.
 */
export const isLoopbackHost = (host: string): boolean => host === '' || LOOPBACK_HOST.test(host);

export const isLoopbackAddress = (address: string): boolean =>
  address === 'localhost' || address === '::1' || /^127(?:\.\d{1,3}){3}$/.test(address);
