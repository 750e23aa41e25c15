@node "%~dp0func.js" %*
