print("no Dockerfile here")
