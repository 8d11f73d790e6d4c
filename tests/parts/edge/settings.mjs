// Figures for tests, as the rendered bindings would give them.
export const SETTINGS = {
  verticals: {
    salon: { upstream: "https://salon-origin.example.com/" },
    clinic: { upstream: "https://clinic-origin.example.com/", jurisdiction: "us", healthData: true },
  },
  heartbeatSeconds: 15,
  leaseSeconds: 45,
  loanSeconds: 120,
  reportedSeconds: 3600,
  retryAfterSeconds: 30,
  tokens: { audience: "calls.example.com", longestSeconds: 300, skewSeconds: 30, longestCharacters: 2048, longestId: 128, rememberSeconds: 0 },
  refusal: {
    texts: [
      ["en", "All lines are busy."],
      ["es", "Todas las líneas están ocupadas."],
    ],
    offerSeconds: 2, longestReply: 512,
  },
  callbacks: { upstreams: { salon: "https://callbacks-origin.example.com/" }, firstRetrySeconds: 10, longestRetrySeconds: 600 },
};
