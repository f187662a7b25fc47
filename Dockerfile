FROM node:24-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
COPY tools/node-runtime tools/node-runtime
COPY dashboard/package.json dashboard/
RUN npm ci
COPY tsconfig.json tsconfig.build.json ./
COPY tools/build.ts tools/build-dashboard.ts tools/
COPY src src
COPY dashboard dashboard
RUN npm run build && npm prune --omit=dev

FROM node:24-bookworm-slim
ENV NODE_ENV=production \
    SLUICE_HOST=0.0.0.0 \
    SLUICE_DATA_DIR=/data
WORKDIR /app
COPY LICENSE package.json ./
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY --from=build /app/dashboard/dist dashboard/dist
# The group is 0 because that is what a container gets that runs under a user id of its own choosing.
RUN mkdir /data && chown 1000:0 /data && chmod 0770 /data
VOLUME /data
USER 1000:0
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.SLUICE_PORT || 8080}/health`).then(({ status }) => process.exit(status === 200 ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "/app/dist/main.js"]
