// The description takes the token from this page's address; what is tried out takes it as a header.
const token = new URLSearchParams(location.search).get("token") ?? "";
history.replaceState(null, "", location.pathname);
const docs = SwaggerUIBundle({
  url: `/openapi.json?token=${encodeURIComponent(token)}`,
  dom_id: "#docs",
  validatorUrl: null,
  requestInterceptor: (request) => {
    if (token && new URL(request.url, location.href).origin === location.origin) {
      request.headers.Authorization = `Bearer ${token}`;
    }
    return request;
  },
});
window.docs = docs;
