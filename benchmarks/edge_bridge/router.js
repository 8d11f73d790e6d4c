// The least that a bridge needs in front of its objects: nobody is asked who he is, nothing is counted.
export default {
  /** @param {Request} request @param {{ BRIDGE: DurableObjectNamespace }} env */
  fetch(request, env) {
    return env.BRIDGE.get(env.BRIDGE.idFromName(new URL(request.url).pathname)).fetch(request);
  },
};
