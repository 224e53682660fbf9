# Both programs in one image: Node runs the TypeScript as it is, so there is nothing to compile. The chart says which one.
ARG BASE=node:24-slim

FROM ${BASE} AS packages
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --ignore-scripts

FROM ${BASE}
ENV NODE_ENV=production
WORKDIR /app
COPY --from=packages /app/node_modules node_modules
COPY package.json ./
COPY crds crds
COPY lib lib
COPY operator operator
COPY api api
# The image's user `node`, by number: Kubernetes cannot tell from a name that it is not root.
USER 1000:1000
CMD ["node", "api/main.ts", "serve"]
