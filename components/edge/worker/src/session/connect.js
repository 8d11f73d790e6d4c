/**
 * An accepted socket to an upstream, or null where none comes of it in time.
 *
 * @param {string} url
 * @param {Record<string, string>} headers
 * @param {number} seconds
 * @returns {Promise<WebSocket | null>}
 */
export async function connected(url, headers, seconds) {
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), seconds * 1000);
  try {
    const { webSocket, status } = await fetch(url, { headers: { Upgrade: "websocket", ...headers }, signal: late.signal });
    if (webSocket === null) console.error(JSON.stringify({ event: "no upstream", status }));
    if (webSocket !== null) {
      // Otherwise sound comes as a Blob, which is read only later, after what follows it.
      webSocket.binaryType = "arraybuffer";
      webSocket.accept();
    }
    return webSocket;
  } catch (error) {
    console.error(JSON.stringify({ event: "no upstream", error: String(error) }));
    return null;
  } finally {
    // Once it is open it must not be aborted.
    clearTimeout(timer);
  }
}
