# Serves archives over HTTP:
#   docker build -t relx .
#   docker run -p 8000:8000 -v "$PWD/runs/mine/model.tar.gz:/models/model.tar.gz:ro" relx
FROM python:3.11-slim AS build
WORKDIR /src
RUN python -m venv /venv && /venv/bin/pip install --no-cache-dir --upgrade pip
COPY constraints.txt .
# The default index has builds of torch with CUDA, which are several gigabytes.
RUN /venv/bin/pip install --no-cache-dir --index-url https://download.pytorch.org/whl/cpu "$(grep '^torch==' constraints.txt)"
COPY . .
RUN /venv/bin/pip install --no-cache-dir -c constraints.txt '.[serve]'

FROM python:3.11-slim
COPY --from=build /venv /venv
RUN useradd --create-home --uid 10001 relx
USER relx
WORKDIR /home/relx
ENV PATH=/venv/bin:$PATH HF_HUB_OFFLINE=1 PYTHONUNBUFFERED=1
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/ready', timeout=4)"]
ENTRYPOINT ["relx", "serve", "--host", "0.0.0.0", "--port", "8000"]
CMD ["/models/model.tar.gz"]
